import { Size, SizePage } from '../../openapi/model/index.ts'
import { collectionRoutes } from '../collection.ts'

export default collectionRoutes({
  service: 'sizes',
  name: 'Size',
  tag: 'Sizes',
  singular: 'size',
  plural: 'sizes',
  model: Size,
  page: SizePage,
  filters: {}
})
